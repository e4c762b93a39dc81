import "./styles.css";
import { StrictMode } from "react";
import { createPortal } from "react-dom";
import { createRoot } from "react-dom/client";

import * as dndKitCore from "@dnd-kit/core";
import * as dndKitSortable from "@dnd-kit/sortable";
import * as hookformResolversZod from "@hookform/resolvers/zod";
import * as radixUiReactCheckbox from "@radix-ui/react-checkbox";
import * as radixUiReactDialog from "@radix-ui/react-dialog";
import * as radixUiReactDropdownMenu from "@radix-ui/react-dropdown-menu";
import * as radixUiReactPopover from "@radix-ui/react-popover";
import * as radixUiReactSelect from "@radix-ui/react-select";
import * as radixUiReactSlider from "@radix-ui/react-slider";
import * as radixUiReactSlot from "@radix-ui/react-slot";
import * as radixUiReactSwitch from "@radix-ui/react-switch";
import * as radixUiReactTabs from "@radix-ui/react-tabs";
import * as radixUiReactTooltip from "@radix-ui/react-tooltip";
import * as tanstackReactQuery from "@tanstack/react-query";
import * as classVarianceAuthority from "class-variance-authority";
import * as clsx from "clsx";
import * as cmdk from "cmdk";
import * as dateFns from "date-fns";
import * as immer from "immer";
import * as lucideReact from "lucide-react";
import * as motionReact from "motion/react";
import * as nanoid from "nanoid";
import * as reactHookForm from "react-hook-form";
import * as reactMarkdown from "react-markdown";
import * as reactRouter from "react-router";
import * as recharts from "recharts";
import * as sonner from "sonner";
import * as tailwindMerge from "tailwind-merge";
import * as vaul from "vaul";
import * as zod from "zod";
import * as zustand from "zustand";
import * as zustandMiddleware from "zustand/middleware";

const used = [
  dndKitCore,
  dndKitSortable,
  hookformResolversZod,
  radixUiReactCheckbox,
  radixUiReactDialog,
  radixUiReactDropdownMenu,
  radixUiReactPopover,
  radixUiReactSelect,
  radixUiReactSlider,
  radixUiReactSlot,
  radixUiReactSwitch,
  radixUiReactTabs,
  radixUiReactTooltip,
  tanstackReactQuery,
  classVarianceAuthority,
  clsx,
  cmdk,
  dateFns,
  immer,
  lucideReact,
  motionReact,
  nanoid,
  reactHookForm,
  reactMarkdown,
  reactRouter,
  recharts,
  sonner,
  tailwindMerge,
  vaul,
  zod,
  zustand,
  zustandMiddleware,
];

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>{createPortal(used.length, root)}</StrictMode>,
  );
}
