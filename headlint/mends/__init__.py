"""What mends a mistake, as changes of nodes, and how these become edits of the text."""
