#!/bin/sh
exec bbhv validate "${@:-metadata.json}"
