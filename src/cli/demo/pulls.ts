/** Clients that keep pulling, each with whatever credential the agent of its instance has loaded. */

import { setTimeout } from 'node:timers/promises'
import type { Instance } from '../../../test/doubles/instance.ts'
import { pullImage } from '../../../test/doubles/pull.ts'
import { parseImage } from '../../core/image.ts'
import type { Credential } from '../../core/ports.ts'

export interface PullCount {
  attempted: number
  failed: number
}

export interface Pulls {
  readonly count: PullCount
  stop(): Promise<void>
}

/** Often enough to fall into every gap, seldom enough to leave the machine alone. */
const PAUSE = 40

export function keepPulling(instances: readonly Instance[], image: string): Pulls {
  const count: PullCount = { attempted: 0, failed: 0 }
  let stopped = false
  const loops = instances.map(async (instance) => {
    while (!stopped) {
      const credential = instance.credentialFor(image)
      // No credential: the agent is between stop and start, and pulls nothing.
      if (credential !== null) {
        const ok = await pulls(image, credential)
        if (stopped) return
        count.attempted += 1
        if (!ok) count.failed += 1
      }
      await setTimeout(PAUSE)
    }
  })
  return {
    count,
    stop: async () => {
      stopped = true
      await Promise.all(loops)
    },
  }
}

/** A real pull: token, manifest, blobs, digests. */
export async function pulls(image: string, credential: Credential): Promise<boolean> {
  const parsed = parseImage(image)
  if (parsed === null) return false
  const result = await pullImage({ ...parsed, credential }).catch(() => null)
  return result?.ok === true
}
