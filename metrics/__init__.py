"""Figures of the field, by mir_eval and scikit-learn where they have them."""
