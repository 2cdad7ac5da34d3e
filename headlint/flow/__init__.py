"""The interpreter: what a program does to its models, followed along its paths without running it.

Whoever knows what abstract interpretation is reads it in this order:

1. `value`, `state`: the domain. What is known of an expression, and one path with its names, heap and events.
2. `operations`, `assume`: arithmetic and tests over values, and what a condition teaches a path.
3. `choice`, `merge`: how paths fork inside an expression, and how fewer are made of many.
4. `interpreter`, `forks`, `escape`: blocks, bounds, ways through one statement, and what code out of sight may do.
5. `statements`, `blocks`, `loops`, `rounds`, `patterns`; `expressions`, `literals`, `comprehensions`: tables from node
   type to handler. `quick` and its kin run plain loops in one go, and change nothing that these say.
6. `scope`, `attributes`, `assigning`, `items`, `iterating`: names, attributes and items, read and written.
7. `calls`, `arguments`, `functions`, `definitions`, `classes`, `instances`: functions and classes of the file.
8. `modules`, `parameters`, `reads`; `making`, `layers`, `builders`, `changes`, `sequences`, `mappings`, `copies`: the
   models themselves, read, made and changed.
9. `methods`, `module_methods`, `submodules`, `plain_methods`, `externals`, `iterables`, `introspection`, `records`,
   `options` and the rest of what they name: one file for each kind of thing that code calls.
10. `forwards`, `tensors`, `structures`: the forward of a class of the file as a program over tensors.
11. `outputs`, `gradients`, `modes`, `moves`, `filters`, `optimizers`: what stands beside the events.
12. `entries`, `reach`, `fitting`, `trainers`, `histories`: where a program is entered, and what comes out.
"""
