// The Worker by hand again, without a line in the log: what is left when nobody can see what it did.

import { answering } from "./webcrypto.mjs";
export { KeeperObject } from "./keeper.mjs";

export default answering(true);
