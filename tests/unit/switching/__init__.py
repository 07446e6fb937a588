"""Edition switches, upgrades and the ways back, on fakes."""
