/**
 * Makes what a release is made of, below `release/`, and checks that it may be one: `npm run release -- --dry-run` at any
 * time, `npm run release -- --tag v1.2.3` in the release workflow. It publishes nothing.
 */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildAll } from './build.mjs'
import { makePackage } from './make-package.mjs'
import { makeZip } from './make-zip.mjs'

const root = import.meta.dirname

/** What the functions need at run time, and what their licences ask for. Handlers: `rotate.handler`, `react.handler`. */
const FUNCTION_FILES = [
  ['rotate.cjs', 'dist/rotate.cjs'],
  ['react.cjs', 'dist/react.cjs'],
  ['LICENSE', 'LICENSE'],
  ['THIRD-PARTY', 'THIRD-PARTY'],
]

/** @param {string} from the repository, or a copy of it */
export function functionsZip(from = root) {
  return makeZip(new Map(FUNCTION_FILES.map(([name = '', path = '']) => [name, readFileSync(join(from, path))])))
}

/**
 * @typedef {object} Facts
 * @property {string} version of package.json
 * @property {readonly string[]} locked the versions that package-lock.json has of this package
 * @property {string} changelog
 * @property {readonly string[]} stale files that are not what the sources build
 * @property {boolean} clean whether the work tree is what is committed
 * @property {string | null} tag that is to be released; null: none yet
 * @property {string} head
 * @property {string | null} tagged the commit that `v<version>` is on; null: there is no such tag
 */

/**
 * `wrong`: nobody should merge this. `open`: right for a commit, not for a release.
 * @param {Facts} facts
 * @returns {{ readonly wrong: readonly string[], readonly open: readonly string[] }}
 */
export function judge({ version, locked, changelog, stale, clean, tag, head, tagged }) {
  const wrong = []
  const open = []
  if (!/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)$/.test(version))
    wrong.push(`package.json: ${version} is no version that can be released.`)
  for (const other of new Set(locked))
    if (other !== version) wrong.push(`package-lock.json says ${other}, package.json ${version}.`)
  const [, first, date] = /^## (\S+) \(([^)]*)\)$/m.exec(changelog) ?? []
  if (first !== version) wrong.push(`CHANGELOG.md begins with ${first ?? 'no version'}, package.json says ${version}.`)
  else if (!/^\d{4}-\d{2}-\d{2}$/.test(date ?? '')) open.push(`CHANGELOG.md: ${version} has no date yet.`)
  for (const file of stale) wrong.push(`${file} is not what the sources build: npm run build.`)
  if (!clean) open.push('The work tree has changes that are not committed.')
  if (tag !== null && tag !== `v${version}`) wrong.push(`The tag is ${tag}, the version ${version}.`)
  if (tagged !== null && tagged !== head)
    open.push(`v${version} has been released from ${tagged.slice(0, 12)}: a tag never moves. Raise the version.`)
  return { wrong, open }
}

/** `v1` for 1.2.3: the tag that moves with each release of that major version. @param {string} version */
export function majorTag(version) {
  return `v${version.split('.')[0]}`
}

/**
 * What npm knows of the packages that the bundles are made from, without what changes from run to run. It is asked about a
 * copy without the packages of development: told to omit them, npm leaves out as well what they need and we ship.
 */
export function billOfMaterials() {
  const { devDependencies: _, ...own } = JSON.parse(read('package.json'))
  const lock = JSON.parse(read('package-lock.json'))
  delete lock.packages[''].devDependencies
  lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, { dev }]) => dev !== true))
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-bill-'))
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(own))
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
    const { serialNumber: __, ...bom } = JSON.parse(sbom(folder))
    const { timestamp: ___, ...metadata } = bom.metadata
    // npm calls it after the folder that it lies in.
    metadata.component.name = 'ecs-pull-auth'
    return `${JSON.stringify({ ...bom, metadata }, null, 2)}\n`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What `npx ecs-pull-auth` fetches. */
function npmPackage() {
  const folder = mkdtempSync(join(tmpdir(), 'ecs-pull-auth-npm-'))
  try {
    return readFileSync(makePackage(folder))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @param {string} cwd */
function sbom(cwd) {
  /** @type {import('node:child_process').ExecFileSyncOptionsWithStringEncoding} */
  const options = { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }
  return execFileSync('npm', ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'], options)
}

/** @param {...string} args */
function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}

/** @param {string} tag */
function commitOf(tag) {
  try {
    return git('rev-parse', '--verify', '--quiet', `refs/tags/${tag}^{commit}`)
  } catch {
    return null
  }
}

/** @param {string | null} tag @returns {Promise<Facts>} */
async function gather(tag) {
  const { version } = JSON.parse(read('package.json'))
  const lock = JSON.parse(read('package-lock.json'))
  const { bundles, thirdParty } = await buildAll()
  const built = [...bundles.map(({ file, text }) => ({ file, text })), { file: 'THIRD-PARTY', text: thirdParty }]
  return {
    version,
    locked: [lock.version, lock.packages[''].version],
    changelog: read('CHANGELOG.md'),
    stale: built.filter(({ file, text }) => !isBuilt(file, text)).map(({ file }) => file),
    clean: git('status', '--porcelain') === '',
    tag,
    head: git('rev-parse', 'HEAD'),
    tagged: commitOf(`v${version}`),
  }
}

/** @param {string} file @param {string} text */
function isBuilt(file, text) {
  return existsSync(join(root, file)) && read(file) === text
}

/** @param {string} file */
function read(file) {
  return readFileSync(join(root, file), 'utf8')
}

async function main() {
  const { values } = parseArgs({
    options: { 'dry-run': { type: 'boolean' }, tag: { type: 'string' }, out: { type: 'string', default: 'release' } },
  })
  const dry = values['dry-run'] === true
  if (dry === (values.tag !== undefined)) throw new Error('Say --dry-run, or --tag v1.2.3.')
  const facts = await gather(values.tag ?? null)
  const { wrong, open } = judge(facts)
  for (const problem of wrong) console.error(`wrong: ${problem}`)
  for (const problem of open) console.error(`${dry ? 'before a release' : 'wrong'}: ${problem}`)
  if (wrong.length > 0 || (!dry && open.length > 0)) {
    process.exitCode = 1
    return
  }
  const files = new Map([
    [`ecs-pull-auth-${facts.version}-functions.zip`, functionsZip()],
    [`ecs-pull-auth-${facts.version}.cdx.json`, Buffer.from(billOfMaterials())],
    [`ecs-pull-auth-${facts.version}.tgz`, npmPackage()],
  ])
  const sums = [...files].map(([name, data]) => `${createHash('sha256').update(data).digest('hex')}  ${name}\n`)
  files.set('SHA256SUMS', Buffer.from(sums.join('')))
  const folder = resolve(root, values.out)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const [name, data] of files) writeFileSync(join(folder, name), data)
  console.log(sums.join('').trimEnd())
  console.log(`tags: v${facts.version}, for good, and ${majorTag(facts.version)}, which moves`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
