"""The operator's side: a folder for each thing that an operator looks at or acts on, and two surfaces over them,
commands/ and console/."""
