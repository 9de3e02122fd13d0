//! Existing WASI programs, run as they are: files as rows, standard input, files as outputs, exit codes, imports.
