/**
 * Makes deploy/document.json, the SSM Command document, of the scripts in deploy/node. `--check` compares instead.
 * A document holds 64 KB at most, so it gets the scripts without comments and blank lines, indented by one space a level, and JSON
 * without indentation.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { argv, exit, stderr } from 'node:process'
import { fileURLToPath } from 'node:url'

/** In the order of use: later parts call earlier ones. */
const PYTHON = ['ecs_config', 'files', 'fetch', 'docker', 'service', 'container', 'hook', 'reload']
const IMPORT_OF_A_PART = new RegExp(`^from (?:${PYTHON.join('|')}) import .*\\n`, 'gm')

/** Substituted into the text of the shell script by SSM agents older than 3.3.2746.0, so no pattern allows shell syntax. */
const PARAMETERS = {
  secretArn: {
    type: 'String',
    description: 'The full ARN of the secret that holds the stored ECS config.',
    allowedPattern: '^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$',
  },
  versionId: {
    type: 'String',
    description: 'The secret version that is expected to be current, or any. What is current is applied, and reported.',
    default: 'any',
    allowedPattern: '^(any|[A-Za-z0-9-]{32,64})$',
  },
  mode: {
    type: 'String',
    description: 'auth-only replaces the two registry auth lines of /etc/ecs/ecs.config, replace the whole file.',
    default: 'auth-only',
    allowedValues: ['auth-only', 'replace'],
    allowedPattern: '^(auth-only|replace)$',
  },
  jitterSeconds: {
    type: 'String',
    description: 'The restart waits a random time of at most so many seconds, 0 to 900.',
    default: '30',
    allowedPattern: '^([0-9]|[1-9][0-9]|[1-8][0-9][0-9]|900)$',
  },
  bootHook: {
    type: 'String',
    description: 'install: the agent gets the current credentials before every later start too. remove: no longer.',
    default: 'keep',
    allowedValues: ['keep', 'install', 'remove'],
    allowedPattern: '^(keep|install|remove)$',
  },
}

/**
 * Above the sum of the script's own limits, so that it ends by itself: lock 60 + fetch 60 + starting or stopping 90 + jitter
 * 900 + twice (restart 90 + health 60) = 1410 s, and what systemd takes for its answers: test/node/slow.test.ts lets all of it
 * take as long as it can. A killed run leaves its work to the next one.
 */
const TIMEOUT_SECONDS = 1600

/**
 * The script without comments, docstrings and blank lines: what runs stays as it was written, line by line. The docstring of a
 * class stays where it is all that the class has.
 * @param {string} text
 * @returns {string}
 */
export function withoutComments(text) {
  return text
    .replaceAll(/(?<!class .*:\n)^ *"""[^]*?"""\n/gm, '')
    .replaceAll(/(?<=class .*:\n) *"""[^]*?"""\n(?=\n* )/g, '')
    .replaceAll(/^ *#(?!!| shellcheck).*\n/gm, '')
    .replaceAll(/  # .*$/gm, '')
    .replaceAll(/\n{2,}/g, '\n')
    .trimStart()
}

/**
 * By one space instead of `width`.
 * @param {string} script
 * @param {number} width
 * @returns {string}
 */
export function lessIndented(script, width) {
  return script.replaceAll(/^ +/gm, (indent) => ' '.repeat(Math.ceil(indent.length / width)))
}

/**
 * The document's JSON, from the texts of the shell scripts and of the Python parts in the order of use.
 * @param {string} shell
 * @param {string} bottlerocket
 * @param {readonly string[]} pythonParts
 * @param {string} powerShell
 * @returns {string}
 */
export function makeDocument(shell, bottlerocket, pythonParts, powerShell) {
  const python = pythonParts.map((part) => lessIndented(withoutComments(part.replaceAll(IMPORT_OF_A_PART, '')), 4)).join('')
  const script = lessIndented(withoutComments(shell.replace('@bottlerocket@', () => bottlerocket)), 2)
    .replace('@python@', () => python.trimEnd())
    .trimEnd()
  const parameters = Object.entries(PARAMETERS).map(([name, parameter]) => [name, { ...parameter, interpolationType: 'ENV_VAR' }])
  const document = {
    schemaVersion: '2.2',
    description:
      'ecs-pull-auth: gives the ECS agent the current registry credentials, or leaves it as it was. Comments are left out here: see deploy/node in the sources.',
    parameters: Object.fromEntries(parameters),
    // One step per platform; the others are skipped, which counts as success.
    mainSteps: [
      step('reload', 'aws:runShellScript', 'Linux', script),
      step('reloadWindows', 'aws:runPowerShellScript', 'Windows', lessIndented(withoutComments(powerShell), 2).trimEnd()),
    ],
  }
  return JSON.stringify(document, null, 1).replaceAll(/^ +/gm, '') + '\n'
}

/**
 * @param {string} name
 * @param {string} action
 * @param {string} platform
 * @param {string} script
 */
function step(name, action, platform, script) {
  const inputs = { timeoutSeconds: String(TIMEOUT_SECONDS), runCommand: script.split('\n') }
  return { name, action, precondition: { StringEquals: ['platformType', platform] }, inputs }
}

/** The document of the scripts beside this file. */
export function shippedDocument() {
  const read = (name) => readFileSync(new URL(`node/${name}`, import.meta.url), 'utf8')
  return makeDocument(
    read('reload.sh'),
    read('bottlerocket.sh'),
    PYTHON.map((part) => read(`${part}.py`)),
    read('windows.ps1'),
  )
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const file = new URL('document.json', import.meta.url)
  if (!argv.includes('--check')) writeFileSync(file, shippedDocument())
  else if (readFileSync(file, 'utf8') !== shippedDocument()) {
    stderr.write('deploy/document.json is not what deploy/node makes: run node deploy/make-document.mjs\n')
    exit(1)
  }
}
