"""A file's rows over HTTP as a tutorial has it: read all of it with pandas for each request.

flask_csv.py FILE PORT
"""

import sys

import pandas as pd
from flask import Flask, Response

name, port = sys.argv[1:]
app = Flask(__name__)


@app.get("/readings")
def readings() -> Response:
    """Return the whole file as JSON."""
    return Response(pd.read_csv(name).to_json(orient="records"), mimetype="application/json")


app.run(port=int(port))
