import { erlangJson } from '../broker/erlang-term.ts';
import type { JsonValue } from '../broker/store.ts';
import { DefinitionTable } from '../broker/topology/definition-table.ts';
import { type VhostLimits, vhostLimitNames } from '../broker/topology/vhost-metadata.ts';
import { AdministrationError } from './administration-error.ts';
import { checkName, checkRoom } from './checks.ts';
import { type AdministrationContext, expectVirtualHost } from './context.ts';

/** Parameters of one virtual host and component, or global ones. */
const parametersMax = 10_000;

/** Longest value as JSON, in bytes. */
const valueBytesMax = 1024 * 1024;

/** A runtime parameter (RabbitMQ page "Parameters and Policies"). */
export interface Parameter {
  readonly vhost: string;
  /** What it is for: `vhost-limits`, `shovel`, `federation-upstream`, ... */
  readonly component: string;
  readonly name: string;
  readonly value: JsonValue;
}

/** A parameter of the broker as a whole, of no virtual host and no component. */
export interface GlobalParameter {
  readonly name: string;
  readonly value: JsonValue;
}

/** Somebody parameters are for. */
export interface ParameterComponent {
  /** What is wrong with a parameter, in RabbitMQ's words; `undefined`: nothing. */
  fault(parameter: Parameter): string | undefined;
  /** A parameter is new, or has another value. Called for each one at start, too. */
  changed(parameter: Parameter): void;
  cleared(parameter: Parameter): void;
}

/** Parameters of virtual hosts and global ones. On disk when the promise resolves. */
export class ParameterAdministration {
  readonly #context: AdministrationContext;
  readonly #components = new Map<string, ParameterComponent>();
  readonly #parameters: DefinitionTable<Parameter>;
  readonly #globals: DefinitionTable<GlobalParameter>;

  constructor(context: AdministrationContext) {
    this.#context = context;
    const { broker } = context;
    this.#parameters = new DefinitionTable(
      {
        kind: 'parameter',
        names: ({ vhost, component, name }) => [vhost, component, name],
        value: ({ value }) => ({ value }),
        read: (fields) => ({
          vhost: fields.name(1),
          component: fields.name(2),
          name: fields.name(3),
          value: fields.json('value'),
        }),
      },
      (key, value) => broker.define(key, value),
    );
    this.#globals = new DefinitionTable(
      {
        kind: 'global_parameter',
        names: ({ name }) => [name],
        value: ({ value }) => ({ value }),
        read: (fields) => ({ name: fields.name(1), value: fields.json('value') }),
      },
      (key, value) => broker.define(key, value),
    );
    this.#parameters.recover(broker.settings);
    this.#globals.recover(broker.settings);
  }

  /** From now on there are parameters for this component; what is there already is handed to it. */
  register(name: string, component: ParameterComponent): void {
    this.#components.set(name, component);
    for (const parameter of this.#parameters.values()) {
      if (parameter.component === name) component.changed(parameter);
    }
  }

  /** By virtual host, component and name. */
  list(filter: { readonly vhost?: string; readonly component?: string } = {}): readonly Parameter[] {
    const { vhost, component } = filter;
    return this.#parameters
      .list()
      .filter((one) => vhost === undefined || one.vhost === vhost)
      .filter((one) => component === undefined || one.component === component);
  }

  get(vhost: string, component: string, name: string): Parameter | undefined {
    return this.#parameters.get(vhost, component, name);
  }

  /** True if it is a new one. @throws AdministrationError */
  async put(parameter: Parameter): Promise<boolean> {
    const { broker, log } = this.#context;
    const { vhost, component, name, value } = parameter;
    expectVirtualHost(broker, vhost);
    checkName('parameter', name);
    checkValue(value);
    const owner = this.#components.get(component);
    const fault = owner === undefined ? `component ${component} not found` : owner.fault(parameter);
    if (fault !== undefined) throw new AdministrationError('invalid', `Validation failed\n\n${fault}\n`);
    if (this.get(vhost, component, name) === undefined) {
      checkRoom('parameters', this.#parameters.size, parametersMax);
    }
    const kept = { vhost, component, name, value: structuredClone(value) };
    const isNew = this.#parameters.put(kept);
    owner?.changed(kept);
    this.#context.events.parameterSet(vhost, component, name, kept.value);
    log.info({ vhost, component, name }, `set parameter '${name}' of ${component} in vhost '${vhost}'`);
    await broker.committer.flush();
    return isNew;
  }

  /** False if there is no such parameter. */
  async delete(vhost: string, component: string, name: string): Promise<boolean> {
    const parameter = this.get(vhost, component, name);
    if (parameter === undefined) return false;
    this.#parameters.delete(vhost, component, name);
    this.#components.get(component)?.cleared(parameter);
    this.#context.events.parameterCleared(vhost, component, name);
    this.#context.log.info(
      { vhost, component, name },
      `cleared parameter '${name}' of ${component} in vhost '${vhost}'`,
    );
    await this.#context.broker.committer.flush();
    return true;
  }

  /** Everything of a virtual host that is about to go. */
  virtualHostDeleted(vhost: string): void {
    for (const parameter of this.list({ vhost })) {
      this.#parameters.delete(vhost, parameter.component, parameter.name);
      this.#components.get(parameter.component)?.cleared(parameter);
    }
  }

  /** By name. */
  listGlobal(): readonly GlobalParameter[] {
    return this.#globals.list();
  }

  getGlobal(name: string): GlobalParameter | undefined {
    return this.#globals.get(name);
  }

  /** Any value under any name. True if it is a new one. @throws AdministrationError */
  async putGlobal({ name, value }: GlobalParameter): Promise<boolean> {
    checkName('global parameter', name);
    checkValue(value);
    if (this.getGlobal(name) === undefined) {
      checkRoom('global parameters', this.#globals.size, parametersMax);
    }
    const isNew = this.#globals.put({ name, value: structuredClone(value) });
    this.#context.events.parameterSet(undefined, 'global', name, value);
    await this.#context.broker.committer.flush();
    return isNew;
  }

  /** False if there is no such parameter. */
  async deleteGlobal(name: string): Promise<boolean> {
    if (!this.#globals.delete(name)) return false;
    this.#context.events.parameterCleared(undefined, 'global', name);
    await this.#context.broker.committer.flush();
    return true;
  }
}

function checkValue(value: JsonValue): void {
  if (Buffer.byteLength(JSON.stringify(value)) > valueBytesMax) {
    throw new AdministrationError('invalid', `a value has at most ${valueBytesMax} bytes as JSON`);
  }
}

/** The component `vhost-limits`: one parameter per virtual host, called `limits`, in RabbitMQ's format. */
export function vhostLimitsComponent({ broker }: AdministrationContext): ParameterComponent {
  return {
    fault: ({ name, value }) => {
      if (name !== 'limits') return `the only parameter of vhost-limits is called limits, not ${name}`;
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return `limits should be a dictionary, actually was ${erlangJson(value)}`;
      }
      for (const [key, limit] of Object.entries(value)) {
        if (!vhostLimitNames.some((known) => known === key)) {
          return `Unrecognised terms [{<<${JSON.stringify(key)}>>,${erlangJson(limit)}}] in limits`;
        }
        if (!Number.isSafeInteger(limit))
          return `${key} should be a number, actually was ${erlangJson(limit)}`;
      }
      return undefined;
    },
    changed: ({ vhost, value }) => setLimits(vhost, limitsOf(value)),
    cleared: ({ vhost }) => setLimits(vhost, {}),
  };

  function setLimits(vhost: string, limits: VhostLimits): void {
    const found = broker.vhost(vhost);
    if (found !== undefined) found.limits = limits;
  }
}

function limitsOf(value: JsonValue): VhostLimits {
  const limits: { [name: string]: number } = {};
  for (const [name, limit] of Object.entries(value ?? {})) {
    if (typeof limit === 'number') limits[name] = limit;
  }
  return limits;
}
