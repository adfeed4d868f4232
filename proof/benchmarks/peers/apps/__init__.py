"""What runs in the processes of those that this pipeline is compared with, as their own documentation sets it up."""
