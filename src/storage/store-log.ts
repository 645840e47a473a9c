/** Where the store reports what an operator should know. One line each. */
export interface StoreLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export const silentLog: StoreLog = { info() {}, warn() {}, error() {} };
