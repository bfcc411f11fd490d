"""Rendering of articulated human figures that perform actions in front of a drawn scene."""
