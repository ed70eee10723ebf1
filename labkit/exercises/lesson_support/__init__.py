"""What single lessons need: topics of their own, drawings, torn files, seeded bugs."""
