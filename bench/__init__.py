"""The benchmark behind ``make bench``: the gateway beside the alternatives, in one run."""
