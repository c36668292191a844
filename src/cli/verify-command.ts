/** `verify`: do the credentials of a config really pull? Asks registries; changes nothing anywhere. */

import type { AuthData } from '../core/auth-data.ts'
import { PullAuthError } from '../core/errors.ts'
import { readAuth } from '../core/explain.ts'
import { readUnjudgedPlan } from '../core/plan.ts'
import { CURRENT } from '../core/rotation.ts'
import { readStoredConfig } from '../core/stored-config.ts'
import { decodeUtf8 } from '../core/utf8.ts'
import { type Probe, type Verified, verifyImages } from '../core/verify-images.ts'
import { PROVIDERS } from '../registries/table.ts'
import { type Adapters, connect } from '../wiring.ts'
import type { CliCommand, CommandContext } from './command.ts'
import { PLAN_HELP, PLAN_OPTION, readPlanFile } from './plan-commands.ts'
import { textTable } from './table.ts'

export const verify: CliCommand = {
  summary: 'Pull each probe with the credential that the ECS agent would use; changes nothing.',
  usage: '(--plan FILE | CONFIG IMAGE… | CONFIG --plan FILE)',
  options: PLAN_OPTION,
  optionHelp: {
    ...PLAN_HELP,
    plan: 'its probes are pulled; without CONFIG with the stored config of Secrets Manager',
  },
  least: 0,
  most: 1000,
  run: async (cx) => {
    const { terminal, journal, options, arguments: files } = cx
    const [file, ...images] = files
    if (options['plan'] === undefined && images.length === 0) throw nothingToPull()
    const plan = options['plan'] === undefined ? null : planOf(cx)
    const region = options['region']
    const adapters = connect(terminal.env, typeof region === 'string' ? region : undefined)
    const auth =
      file === undefined
        ? await storedAuth(adapters, plan?.secret ?? '')
        : readAuth(decodeUtf8(terminal.readFile(file)))
    const probes: readonly Probe[] = [
      ...(plan?.registries ?? []),
      ...images.map((probe) => ({ probe, proof: 'pull' }) as const),
    ]
    journal.phase(`Pulling ${probes.length} image${probes.length === 1 ? '' : 's'}`)
    const verified = await verifyImages({ verify: adapters.verify, journal }, auth, probes)
    return {
      exit: verified.every(({ ok }) => ok) ? 0 : 1,
      json: verified,
      text: verifiedText(verified),
    }
  },
}

function verifiedText(verified: readonly Verified[]): string {
  const rows = verified.map(({ registry, image, verdict }) => [registry ?? '-', image, verdict])
  const problems = verified.flatMap(({ image, detail, remedy }) =>
    remedy === null ? [] : `• ${image}: ${detail}\n  ${remedy}`,
  )
  return [textTable(['registry', 'image', 'verdict'], rows), ...problems].join('\n\n')
}

/** A schedule that is not safe is the business of `plan`; the credentials can be looked at all the same. */
function planOf(cx: CommandContext) {
  const { value, path } = readPlanFile(cx)
  return readUnjudgedPlan(value, path, PROVIDERS)
}

async function storedAuth({ store }: Adapters, secret: string): Promise<AuthData> {
  const { text } = await store.read(secret, { label: CURRENT })
  return readStoredConfig(text, secret).auth
}

function nothingToPull(): PullAuthError {
  return new PullAuthError(
    'USAGE',
    'verify needs to know which images to pull.',
    'Name a plan, whose probes are pulled: --plan ecs-pull-auth.yaml. Or name the images after the config: verify ecs.config ghcr.io/acme/app:1',
  )
}
