"""The assistant: tools that read, a loop that lets a model use them, and answers whose every claim can be checked."""
