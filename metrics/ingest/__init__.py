"""Taking events in: validate cheaply, keep the good, name the bad, never count one twice."""
