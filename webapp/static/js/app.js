// Entry of every page: starts what makes it live. Without it everything still works, by loading pages.

import { startCalm } from "./calm.js";
import { startCommands } from "./commands.js";
import { startEstimates } from "./estimate.js";
import { startFragments } from "./fragments.js";
import { startLive } from "./live.js";
import { startMenus } from "./menus.js";
import { startMessages } from "./messages.js";
import { startPrices } from "./prices.js";
import { startTicking } from "./ticking.js";

startMenus();
startCalm();
startMessages();
startCommands();
startEstimates();
startFragments();
startPrices();
startTicking();
startLive();
