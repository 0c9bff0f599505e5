"""What puts commands into the partition logs: the workload reader, the publisher, the load driver and its report."""
