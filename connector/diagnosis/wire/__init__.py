"""Vector cases over the wire, to a gateway that runs."""
