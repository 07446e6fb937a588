"""One method per verb: observe, plan, run, report."""
