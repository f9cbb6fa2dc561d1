"""The site: pages written by hand and pages made from the registries, staged in one folder for Sphinx."""
