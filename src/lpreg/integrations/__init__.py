"""lpreg inside other people's trainers: one module per library, which imports that library."""
