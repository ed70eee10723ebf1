"""How an exercise works: question, check, hints, prediction, and the learner's progress."""
