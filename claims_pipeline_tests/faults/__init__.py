"""Broken networks, full disks, killed processes, people at work in any order: and the promises that hold under them."""
