/**
 * Entry of `dist/cli.cjs`. The commands that read a config file run on every commit and need a tenth of the program: they
 * are a file of their own (build.mjs), and so is the whole.
 */

void (/^(?:lint|explain)$/.test(process.argv[2] ?? '') ? import('./some-commands.ts') : import('./all-commands.ts'))
