"""SAY: the only place with Typer and Rich; one module per noun; ``present`` turns a report or an error into text or JSON."""
