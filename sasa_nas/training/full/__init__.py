"""Full trainings by recipes: parts that recipes name, and the loop over them, in one process or several."""
