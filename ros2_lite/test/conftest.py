import os

os.environ["ROS_DOMAIN_ID"] = str(os.getpid() % 100 + 1)  # before anything joins a domain; children inherit it
