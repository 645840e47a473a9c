import { type VhostLimitName, type VhostLimits, vhostLimitNames } from '../broker/topology/vhost-metadata.ts';
import { checkLimits } from './checks.ts';
import { type AdministrationContext, expectVirtualHost } from './context.ts';
import type { ParameterAdministration } from './parameters.ts';

const component = 'vhost-limits';
const name = 'limits';

/** Limits of virtual hosts, which are kept as parameters. On disk when the promise resolves. */
export class VhostLimitAdministration {
  readonly #context: AdministrationContext;
  readonly #parameters: ParameterAdministration;

  constructor(context: AdministrationContext, parameters: ParameterAdministration) {
    this.#context = context;
    this.#parameters = parameters;
  }

  /** @throws AdministrationError */
  get(vhost: string): VhostLimits {
    return expectVirtualHost(this.#context.broker, vhost).limits;
  }

  /** In place of those there are; a negative one is none. @throws AdministrationError */
  async set(vhost: string, limits: Readonly<Record<string, unknown>>): Promise<void> {
    const value = checkLimits(vhostLimitNames, limits);
    await this.#parameters.put({ vhost, component, name, value });
  }

  /** Beside those there are. @throws AdministrationError */
  update(vhost: string, limits: Readonly<Record<string, unknown>>): Promise<void> {
    return this.set(vhost, { ...this.get(vhost), ...limits });
  }

  /** Lifts one limit, or all. @throws AdministrationError */
  async clear(vhost: string, limit?: VhostLimitName): Promise<void> {
    const kept = Object.entries(this.get(vhost)).filter(([key]) => limit !== undefined && key !== limit);
    if (kept.length > 0) await this.set(vhost, Object.fromEntries(kept));
    else await this.#parameters.delete(vhost, component, name);
  }
}
