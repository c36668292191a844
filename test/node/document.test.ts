/** The document itself: Systems Manager's rules, the scripts in it, and how parameters reach them. */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { lessIndented, makeDocument, shippedDocument, withoutComments } from '../../deploy/make-document.mjs'
import { NODE_EXITS, NODE_RESULTS } from '../../src/core/node-status.ts'
import { parseDocument } from '../aws/document-content.ts'
import { checkParameters } from '../aws/ssm-parameters.ts'
import { startBench, V1 } from './bench.ts'
import { documentProblems } from './document-rules.ts'
import { SECRET_ARN } from './secret-endpoint.ts'

const folder = new URL('../../deploy/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')
const CONTENT = read('document.json')
const DOCUMENT = parseDocument(CONTENT)
const SCRIPT = DOCUMENT.mainSteps[0]?.inputs.runCommand.join('\n') ?? ''
const PYTHON = SCRIPT.slice(SCRIPT.indexOf("<<'PYTHON'\n") + 11, SCRIPT.lastIndexOf('\nPYTHON'))
const PARTS = ['ecs_config', 'files', 'fetch', 'docker', 'service', 'container', 'hook', 'reload'].map((name) =>
  read(`node/${name}.py`),
)

test('the committed document is the one that the scripts make', () => {
  assert.equal(CONTENT, shippedDocument())
})

test('the document keeps to the rules, with a little room to grow', () => {
  assert.deepEqual(documentProblems(CONTENT), [])
  assert.ok(CONTENT.length < 64_500, `${CONTENT.length} bytes`)
})

type Change = (document: ReturnType<typeof change>) => void
const change = () => JSON.parse(CONTENT)

const BROKEN: Readonly<Record<string, Change>> = {
  'more than 64 KB': (document) => document.mainSteps[0].inputs.runCommand.push('x'.repeat(65_536)),
  'schemaVersion is not 2.2': (document) => {
    document.schemaVersion = '0.3'
  },
  'two steps for one platform: the first one fails alone': (document) =>
    document.mainSteps.push({ ...document.mainSteps[0], name: 'again' }),
  'a step whose plugin is not that of its platform is skipped': (document) => {
    document.mainSteps[1].precondition.StringEquals[1] = 'Linux'
  },
  'step names repeat': (document) => document.mainSteps.push(document.mainSteps[0]),
  'the agent drops the parameter secret-arn': (document) => {
    document.parameters['secret-arn'] = document.parameters.secretArn
  },
  'mode is no String': (document) => {
    document.parameters.mode.type = 'StringList'
  },
  'mode is pasted into the script by every agent': (document) => {
    delete document.parameters.mode.interpolationType
  },
  'mode has no allowedPattern, all that an agent checks': (document) => {
    delete document.parameters.mode.allowedPattern
    delete document.parameters.mode.default
  },
  'the default of mode does not match its pattern': (document) => {
    document.parameters.mode.default = 'all'
  },
  'the pattern of versionId is not anchored': (document) => {
    document.parameters.versionId.allowedPattern = '[a-z]+'
  },
  'the pattern of versionId has an alternative outside of brackets': (document) => {
    document.parameters.versionId.allowedPattern = '^any|[a-z]+$'
  },
  'the pattern of versionId uses what RE2 or Java do not share': (document) => {
    document.parameters.versionId.allowedPattern = '^(?!x)[a-z]+$'
  },
  'the pattern of versionId allows "$", which means something to a shell': (document) => {
    document.parameters.versionId.allowedPattern = '^[a-z$]+$'
  },
  'onFailure or timeoutSeconds beside inputs is ignored': (document) => {
    document.mainSteps[0].onFailure = 'exit'
  },
  'timeoutSeconds counts as 3600': (document) => {
    document.mainSteps[0].inputs.timeoutSeconds = '4'
  },
  'the script runs under whatever sh is': (document) => document.mainSteps[0].inputs.runCommand.shift(),
  'set -x prints values': (document) => document.mainSteps[0].inputs.runCommand.push('set -eux'),
  'an exit code that Systems Manager takes for something else': (document) =>
    document.mainSteps[0].inputs.runCommand.push('exit 194'),
  'a placeholder that is no parameter': (document) => document.mainSteps[0].inputs.runCommand.push('echo {{ id }}'),
  'two braces that are no placeholder': (document) => document.mainSteps[0].inputs.runCommand.push('a = {{'),
}

test('every rule has a document that breaks it', () => {
  for (const [problem, breakIt] of Object.entries(BROKEN)) {
    const document = change()
    breakIt(document)
    assert.ok(documentProblems(JSON.stringify(document)).includes(problem), problem)
  }
})

test('the script ends by itself before the SSM agent kills it', () => {
  const limit = (name: string) =>
    Number(new RegExp(`^${name}_SECONDS = (?:seconds\\('\\w+', )?(\\d+)\\)?$`, 'm').exec(PYTHON)?.[1])
  const [lock, fetch, restart, health] = ['LOCK', 'FETCH', 'RESTART', 'HEALTH'].map(limit) as [
    number,
    number,
    number,
    number,
  ]
  // A request that begins in time has as long again. A restart, a rollback, and before both one that others began.
  const longest = lock + 2 * fetch + restart + 900 + 2 * (restart + health)
  assert.ok(longest > 1_000, 'the limits were found')
  // Bottlerocket: four requests, three times 10 s each; three times 90 s. Windows: the same requests; twice 150 s.
  for (const most of [longest, 60 + 120 + 900 + 3 * 90, 60 + 144 + 900 + 2 * 150])
    for (const { inputs } of DOCUMENT.mainSteps) assert.ok(most + 60 < Number(inputs.timeoutSeconds), `${most} s`)
})

test('exit codes and results are those that the core knows', () => {
  const table = /^EXITS = \{([^}]*)\}/m.exec(PYTHON)?.[1] ?? ''
  const exits = [...table.matchAll(/'([a-z-]+)': (\d+)/g)].map(([, result, code]) => [result, Number(code)] as const)
  assert.deepEqual(
    exits.map(([result]) => result),
    [...NODE_RESULTS],
  )
  const failures = exits.filter(([, code]) => code !== 0).map(([result, code]) => [String(code), result])
  assert.deepEqual(
    failures,
    Object.entries(NODE_EXITS).map(([code, { result }]) => [code, result]),
  )
  assert.match(SCRIPT, /result=unsupported .*\n(?:.*\n)?\s*exit 15$/m)
})

test('the Bottlerocket part ends with those exit codes and results too', () => {
  const ends = [...read('node/bottlerocket.sh').matchAll(/\bfinish ([a-z-]+) (\d+)/g)].map(([, result, code]) => [
    result,
    code,
  ])
  assert.ok(ends.length > 20)
  for (const [result, code] of ends) {
    if (code === '0') assert.ok(['applied', 'unchanged'].includes(String(result)), result)
    else assert.equal(NODE_EXITS[Number(code)]?.result, result)
  }
})

test('the table of exit codes in docs/node.md is that of the core', () => {
  const rows = [...read('../docs/node.md').matchAll(/^\| (\d+) \| `([a-z-]+)` \|/gm)]
  const documented = rows.filter(([, code]) => code !== '0').map(([, code, result]) => [code, result])
  assert.deepEqual(
    documented,
    Object.entries(NODE_EXITS).map(([code, { result }]) => [code, result]),
  )
})

test('the instance checks parameters by the same patterns as the API', () => {
  const table = /^PATTERNS = \{([\s\S]*?)^\}/m.exec(PYTHON)?.[1] ?? ''
  const patterns = Object.fromEntries(
    [...table.matchAll(/'(\w+)': r'(.*)',/g)].map(([, name, pattern]) => [name, pattern]),
  )
  const bare = (pattern = '') => pattern.replace(/^\^\(?/, '').replace(/\)?\$$/, '')
  const declared = Object.entries(DOCUMENT.parameters).map(([name, { allowedPattern }]) => [name, bare(allowedPattern)])
  assert.deepEqual(patterns, Object.fromEntries(declared))
})

test('what means something to a shell never passes the API', () => {
  for (const sign of ['"', "'", '`', '$(id)', ';id', '|id', '&', '\\', '{{ssm:x}}', ' ', '\t', '#', '*']) {
    const values = {
      secretArn: `${SECRET_ARN}${sign}`,
      versionId: `${V1}${sign}`,
      mode: `replace${sign}`,
      jitterSeconds: `1${sign}`,
      bootHook: `keep${sign}`,
    }
    for (const [name, value] of Object.entries(values)) {
      const given = { secretArn: [SECRET_ARN], [name]: [value] }
      assert.throws(
        () => checkParameters(DOCUMENT, given),
        /InvalidParameters|Invalid parameters/,
        `${name} with ${sign}`,
      )
    }
  }
})

test('only the ARN has to be given', () => {
  const values = checkParameters(DOCUMENT, { secretArn: [SECRET_ARN] })
  assert.deepEqual(values, {
    secretArn: [SECRET_ARN],
    versionId: ['any'],
    mode: ['auth-only'],
    jitterSeconds: ['30'],
    bootHook: ['keep'],
  })
  for (const seconds of ['0', '9', '10', '99', '100', '899', '900'])
    checkParameters(DOCUMENT, { secretArn: [SECRET_ARN], jitterSeconds: [seconds] })
  for (const seconds of ['', '00', '901', '999', '1000', '-1']) {
    assert.throws(() => checkParameters(DOCUMENT, { secretArn: [SECRET_ARN], jitterSeconds: [seconds] }))
  }
})

describe('parameters arrive', () => {
  test('from an old SSM agent, which pastes them into the script', async (t) => {
    const bench = await startBench(t)
    const { status } = await bench.reload({ versionId: V1 }, '3.3.2745.0')
    assert.deepEqual([status.result, status.version, status.reason], ['applied', V1, null])
    assert.match(bench.instance.service.callers.join('\n'), new RegExp(`^SSM_secretArn=${SECRET_ARN}$`, 'm'))
  })

  test('from a new one, which exports them and leaves the placeholders alone', async (t) => {
    const bench = await startBench(t)
    const { status } = await bench.reload({ versionId: V1 }, '3.3.2746.0')
    assert.deepEqual([status.result, status.version, status.reason], ['applied', V1, null])
  })

  test('from a new one without being run, should a value hold shell syntax all the same', async (t) => {
    const bench = await startBench(t)
    const { exitCode, status } = await bench.reload({ secretArn: `${SECRET_ARN}"; touch /pwned; echo "$(id)` })
    assert.deepEqual([exitCode, status.reason], [12, 'parameter-secretArn'])
  })
})

test('the Python is syntax of 3.7, compiles without a warning, and uses the standard library only', () => {
  const check = `
import ast, json, sys
code = sys.stdin.read()
tree = ast.parse(code, feature_version=(3, 7))
compile(code, 'reload', 'exec')
print(json.dumps(sorted({name.name.split('.')[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
  | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)})))`
  const modules = JSON.parse(execFileSync('python3', ['-W', 'error', '-c', check], { input: PYTHON, encoding: 'utf8' }))
  const standard = JSON.parse(
    execFileSync('python3', ['-c', 'import json, sys; print(json.dumps(sorted(sys.stdlib_module_names)))'], {
      encoding: 'utf8',
    }),
  )
  assert.deepEqual(
    modules.filter((name: string) => !standard.includes(name)),
    [],
  )
  assert.ok(modules.includes('hmac'))
})

test('no part of the Python takes a name of another part', () => {
  const names = PARTS.flatMap((part) =>
    [...part.matchAll(/^(?:def |class )?([A-Za-z_]\w*)(?: =|\(|:)/gm)].map(([, name]) => name),
  )
  assert.ok(names.length > 40)
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at && !['if', 'BEGAN'].includes(String(name))),
    [],
  )
})

test('the parts go in whole but for the imports of each other', () => {
  const python = ['a = 1\n', 'from fetch import a\nb = "$& $1"\n']
  const made = makeDocument('#!/bin/bash\n@bottlerocket@\n@python@\n', 'echo\n', python, '# why\nexit 0\n')
  const scripts = parseDocument(made).mainSteps.map(({ inputs }) => inputs.runCommand)
  assert.deepEqual(scripts, [['#!/bin/bash', 'echo', 'a = 1', 'b = "$& $1"'], ['exit 0']])
})

test('only comments and docstrings are left out of the parts', () => {
  const check = `
import ast, json, sys
def bare(code):
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
print(json.dumps([bare(whole) == bare(part) for whole, part in json.load(sys.stdin)]))`
  const pairs = PARTS.map((part) => [part, lessIndented(withoutComments(part), 4)])
  const input = JSON.stringify(pairs)
  assert.deepEqual(
    JSON.parse(execFileSync('python3', ['-c', check], { input, encoding: 'utf8' })),
    PARTS.map(() => true),
  )
  assert.doesNotMatch(PYTHON, /^ *#|^def .*\n *"""/m)
})

test('of the shell scripts only comments and indentation are changed', () => {
  const lines = (text: string) =>
    text
      .split('\n')
      .map((line) => line.trimStart())
      .filter((line) => line !== '' && !/^#(?!!| shellcheck)/.test(line))
  const [shell, windows] = DOCUMENT.mainSteps.map(({ inputs }) => inputs.runCommand.join('\n'))
  const whole = read('node/reload.sh')
    .replace('@bottlerocket@', () => read('node/bottlerocket.sh'))
    .replace('@python@', () => PYTHON)
  assert.deepEqual(lines(shell ?? ''), lines(whole))
  assert.deepEqual(lines(windows ?? ''), lines(read('node/windows.ps1')))
})

const shellcheck = spawnSync('shellcheck', ['--version']).status === 0
test('shellcheck has nothing to say', { skip: shellcheck ? false : 'shellcheck is not installed' }, () => {
  const { stdout } = spawnSync('shellcheck', ['--shell=bash', '-'], { input: SCRIPT, encoding: 'utf8' })
  assert.equal(stdout, '')
})

test('bash reads the script', () => {
  assert.equal(spawnSync('bash', ['-n'], { input: SCRIPT, encoding: 'utf8' }).stderr, '')
})

const bats = spawnSync('bats', ['--version']).status === 0
test('the shell part does what its bats tests say', { skip: bats ? false : 'bats is not installed' }, () => {
  const { status, stdout } = spawnSync('bats', [fileURLToPath(new URL('shell.bats', import.meta.url))], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
})
