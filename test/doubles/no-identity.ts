/** A place that nobody vouches for: neither a workflow nor an AWS role. */

import type { Automation, Cluster, ObjectStore, ProviderContext } from '../../src/core/ports.ts'

export const noIdentity: Pick<ProviderContext, 'identityToken' | 'signAws'> = {
  identityToken: async () => {
    throw new Error('there is no identity here')
  },
  signAws: async () => {
    throw new Error('there are no AWS credentials here')
  },
}

/** A place without ECS. */
export const noCluster: Cluster = {
  // biome-ignore lint/correctness/useYield: it never comes to that
  instances: async function* () {
    throw new Error('there is no ECS here')
  },
}

const noRunbook = async () => {
  throw new Error('there is no Automation here')
}

/** A place without Automation. */
export const noAutomation: Automation = {
  exists: noRunbook,
  start: noRunbook,
  recent: noRunbook,
  execution: noRunbook,
  stop: noRunbook,
}

/** A place without S3. */
export const noObjects: ObjectStore = {
  head: async () => {
    throw new Error('there is no S3 here')
  },
  put: async () => {
    throw new Error('there is no S3 here')
  },
}
