"""Where the local cloud of this project is."""

from functions.shared.project_files import project_folder

LOCAL_CLOUD_DIRECTORY = project_folder() / ".local_cloud"
"""Where `reports up` leaves the addresses of the local cloud."""
