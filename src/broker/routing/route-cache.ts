import type { Route } from './route.ts';

/** Routing keys remembered per exchange. One more, and all are forgotten: unique keys must not pile up. */
export const cachedRoutesMax = 4096;

/** What an exchange's routing keys lead to, for one version of the virtual host's topology. */
export class RouteCache {
  readonly #routes = new Map<string, Route>();
  #topologyVersion = 0;

  get(topologyVersion: number, routingKey: string): Route | undefined {
    if (this.#topologyVersion !== topologyVersion) {
      this.#topologyVersion = topologyVersion;
      this.#routes.clear();
      return undefined;
    }
    return this.#routes.get(routingKey);
  }

  /** Remembers a route of the version last asked for. */
  set(routingKey: string, route: Route): void {
    if (this.#routes.size >= cachedRoutesMax) this.#routes.clear();
    this.#routes.set(routingKey, route);
  }
}
