"""Images are built and started as a person would; `make test-deploy` runs this.

Where no registry can be reached, stand-ins of the official images are made first.
"""
