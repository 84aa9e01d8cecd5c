"""The tools, each in a file of its own: a function of the desk and its arguments that returns Evidence."""
