/**
 * Makes the npm package, `npm run package -- FOLDER`: what `package.json` lists in `files`, with a manifest for those who
 * use it. The bundles hold all that they need, so it depends on nothing: `npx` fetches one file and runs it.
 */

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = import.meta.dirname

/** The manifest without what only this repository needs. */
export function packageManifest() {
  const { scripts, devDependencies, dependencies, allowScripts, knip, ...published } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  )
  return published
}

/** Makes the tarball in a folder that is there; returns its path. @param {string} folder */
export function makePackage(folder) {
  const stage = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-package-'))
  try {
    const manifest = packageManifest()
    for (const file of [...manifest.files, 'README.md', 'LICENSE']) {
      mkdirSync(dirname(join(stage, file)), { recursive: true })
      cpSync(join(root, file), join(stage, file), { recursive: true })
    }
    writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    /** @type {import('node:child_process').ExecFileSyncOptionsWithStringEncoding} */
    const options = { cwd: stage, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }
    const packed = execFileSync(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', resolve(folder)],
      options,
    )
    return join(resolve(folder), JSON.parse(packed)[0].filename)
  } finally {
    rmSync(stage, { recursive: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder = '.'] = process.argv.slice(2)
  mkdirSync(folder, { recursive: true })
  process.stdout.write(`${makePackage(folder)}\n`)
}
