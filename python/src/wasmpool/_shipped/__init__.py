"""What the host and the sandbox share: the form of data, and how code is found in a source. The sandbox gets this folder as
it is, so it imports nothing of the package around it, and runs on the host's version of Python and on the sandbox's."""
