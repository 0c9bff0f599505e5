"""The statistics of the official workload files, measured on `100users.txt` (100,000 commands). Figures only.

In the official files each user walks a Markov chain of commands, and each line belongs to a user drawn at random.
The weights are the measured frequencies of each next command, in per mille, rounded within the sampling error.
"""

from schema.commands import CommandName as C

AFTER_ANYTHING_ELSE = {
    C.ADD: 200,
    C.DISPLAY_SUMMARY: 155,
    C.QUOTE: 100,
    C.BUY: 100,
    C.SELL: 100,
    C.SET_BUY_AMOUNT: 70,
    C.SET_BUY_TRIGGER: 70,
    C.SET_SELL_AMOUNT: 70,
    C.SET_SELL_TRIGGER: 70,
    C.CANCEL_SET_SELL: 20,
    C.CANCEL_SET_BUY: 10,
    C.COMMIT_BUY: 10,
    C.CANCEL_BUY: 10,
    C.COMMIT_SELL: 10,
    C.CANCEL_SELL: 10,
}
"""Weights of the next command after any command that `AFTER` does not list.

Measured: 199, 153, 100, 98, 99, 72, 71, 69, 70, 19, 11, 10, 10, 10, 11. These weights also give the commits and cancels
that do not follow their BUY or SELL at once. They find an older order (5 % of commits are 77 commands or more after
their BUY), or none.
"""

AFTER = {
    C.ADD: {
        C.QUOTE: 400,
        C.BUY: 400,
        C.SELL: 20,
        C.CANCEL_SET_SELL: 20,
        C.COMMIT_BUY: 20,
        C.CANCEL_SELL: 20,
        C.DISPLAY_SUMMARY: 20,
        C.SET_SELL_AMOUNT: 20,
        C.SET_BUY_TRIGGER: 20,
        C.SET_BUY_AMOUNT: 10,
        C.CANCEL_SET_BUY: 10,
        C.SET_SELL_TRIGGER: 10,
        C.COMMIT_SELL: 10,
        C.CANCEL_BUY: 10,
        C.ADD: 10,
    },
    C.QUOTE: {
        C.BUY: 300,
        C.QUOTE: 200,
        C.ADD: 100,
        C.SET_BUY_AMOUNT: 70,
        C.SET_BUY_TRIGGER: 70,
        C.DISPLAY_SUMMARY: 60,
        C.SET_SELL_AMOUNT: 30,
        C.SELL: 30,
        C.SET_SELL_TRIGGER: 20,
        C.CANCEL_BUY: 20,
        C.CANCEL_SET_SELL: 20,
        C.COMMIT_BUY: 20,
        C.COMMIT_SELL: 20,
        C.CANCEL_SELL: 20,
        C.CANCEL_SET_BUY: 20,
    },
    C.BUY: {
        C.COMMIT_BUY: 500,
        C.CANCEL_BUY: 100,
        C.QUOTE: 50,
        C.BUY: 30,
        C.SELL: 30,
        C.CANCEL_SET_SELL: 30,
        C.CANCEL_SET_BUY: 30,
        C.CANCEL_SELL: 30,
        C.SET_BUY_TRIGGER: 30,
        C.SET_BUY_AMOUNT: 30,
        C.DISPLAY_SUMMARY: 30,
        C.SET_SELL_AMOUNT: 30,
        C.SET_SELL_TRIGGER: 30,
        C.COMMIT_SELL: 30,
        C.ADD: 20,
    },
    C.SELL: {
        C.COMMIT_SELL: 490,
        C.CANCEL_SELL: 100,
        C.QUOTE: 50,
        C.BUY: 30,
        C.SELL: 30,
        C.CANCEL_SET_SELL: 35,
        C.CANCEL_SET_BUY: 35,
        C.CANCEL_BUY: 30,
        C.SET_BUY_TRIGGER: 30,
        C.SET_BUY_AMOUNT: 30,
        C.DISPLAY_SUMMARY: 30,
        C.SET_SELL_AMOUNT: 30,
        C.SET_SELL_TRIGGER: 30,
        C.COMMIT_BUY: 30,
        C.ADD: 20,
    },
    C.SET_BUY_AMOUNT: {
        C.SET_BUY_TRIGGER: 700,
        C.CANCEL_SET_BUY: 100,
        C.QUOTE: 50,
        C.SELL: 50,
        C.DISPLAY_SUMMARY: 50,
        C.BUY: 50,
    },
    C.SET_SELL_AMOUNT: {
        C.SET_SELL_TRIGGER: 700,
        C.CANCEL_SET_SELL: 100,
        C.QUOTE: 50,
        C.SELL: 50,
        C.DISPLAY_SUMMARY: 50,
        C.BUY: 50,
    },
}
"""Weights of a user's next command after these commands.

Six of ten buys are committed or cancelled at once, half of the rest never.
"""

ADD_CENTS_MEAN = 7_000_000
ADD_CENTS_DEVIATION = 1_500_000
"""Deviation of an ADD's amount, which is normally distributed around `ADD_CENTS_MEAN`.

Measured quartiles: 598, 700, 800 hundred dollars; range: 127 to 1,314 hundred dollars.
"""

AMOUNT_CENTS_MAX = 75_000
"""Maximum amount of BUY, SELL and SET_*_AMOUNT, drawn uniformly from 0.01 to 750.00.

Measured quartiles: 188, 375, 563 dollars.
"""

TRIGGER_CENTS_MAX = 20_000
"""Maximum price of a SET_*_TRIGGER, drawn uniformly. Right after the user's SET_*_AMOUNT the maximum is that amount."""

FAVOURITES = frozenset({C.SELL, C.SET_BUY_AMOUNT, C.SET_SELL_AMOUNT})
"""Commands that draw their symbol from the favourites, which all users share.

All others draw from all symbols alike: a BUY hits each of the 981 symbols with 0.1 %, but a SELL hits the most
frequent one with 6.5 %.
"""

COMMANDS_PER_USER_AND_FAVOURITE = 13
"""Commands per user after which another symbol becomes a favourite.

After 1,000 commands for each of 100 users, 76 of 981 symbols are favourites. The first favourite gets 46 % of the draws
among favourites in the first 5,000 lines, and 7 % overall.
"""

SAME_SYMBOL_AFTER = {C.SET_SELL_TRIGGER: C.SET_SELL_AMOUNT, C.CANCEL_SET_SELL: C.SET_SELL_AMOUNT}
"""Commands that always take the symbol of the user's previous command, if that was the one named here.

On the buying side the symbols agree only by chance (1 %): most SET_BUY_TRIGGER of the official files are rejected, and
so are the generated ones.
"""
