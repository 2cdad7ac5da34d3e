"""Makes the shipped file of the zoo out of the installed torchvision; nothing here is needed to read it."""
