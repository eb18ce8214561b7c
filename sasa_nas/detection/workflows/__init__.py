"""One detector at a time, in a folder of its own: trained, and used once it is trained."""
