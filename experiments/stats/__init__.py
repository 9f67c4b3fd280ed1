"""Statistics as a library of its own: frozen samples in, frozen outcomes out, no framework."""
