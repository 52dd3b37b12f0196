"""How good a fitted pipeline is: what is kept aside for it, figures, plots, the model card."""
