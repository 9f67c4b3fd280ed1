"""SCIM 2.0: a company's directory keeps people and teams in step."""
