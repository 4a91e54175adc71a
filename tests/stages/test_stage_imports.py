"""What a stage does not import, so that it starts at once."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("stage", ["check", "fetch", "featurize", "index", "corrupt"])
def test_stages_that_read_no_table_import_no_pandas(stage):
    code = f"import sys, stages.{stage}; print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
