"""What people say about a cover: comments, mentions, and the thread with the answers."""
