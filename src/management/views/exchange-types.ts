import { exchangeTypes } from '../../broker/exchanges/registry.ts';
import type { Json } from '../http/columns.ts';

/** The types of exchanges there are, by name. */
export function exchangeTypesView(): readonly Json[] {
  const types = [...exchangeTypes.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return types.map(({ name, description }) => ({ name, description, enabled: true }));
}
