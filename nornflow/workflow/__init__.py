"""The workflow language: loading, diagnostics, compiling, expressions and templates."""
