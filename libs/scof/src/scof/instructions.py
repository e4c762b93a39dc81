"""The text that teaches a model the format; it belongs at the end of a prompt."""

INSTRUCTIONS = """\
Answer with shell commands of these three forms and no other.

To create or replace a file, give its whole content:

cat > src/example.ts << 'EOF'
export const answer = 42
EOF

To change an existing file, give a unified diff with exact context lines:

cat << 'EOF' | patch src/example.ts
@@ -1,1 +1,1 @@
-export const answer = 42
+export const answer = 43
EOF

To add the packages that the files need:

npm install zod

Rules:
- One block for each planned file, and no other file.
- A file is either written whole or patched, never both.
- Paths are relative and use forward slashes. Quote a path that holds blanks.
- The marker stands in single quotes in the command. It closes the block as a line
  of its own, from the first column on.
- The marker must not occur as a line of its own in the file. If EOF does, choose
  another marker, such as EOF_2.
- Nothing in a block is escaped or expanded: write every character as it must stand
  in the file. Do not put a code fence round it.
- No other command is run. Text outside blocks is ignored, and lines that begin with
  # are comments there.
"""
