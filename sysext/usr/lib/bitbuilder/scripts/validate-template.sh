#!/bin/sh
exec bbhv validate "${@:-.}"
