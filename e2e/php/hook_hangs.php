<?php
// A hook that does not answer while the test runs.
sleep(60);
